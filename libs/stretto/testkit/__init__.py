"""What tests and local runs need: real servers, and ways to give each test a clean one."""
