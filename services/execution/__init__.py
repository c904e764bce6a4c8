"""The execution service: which attempt goes to whom, and when. What it knows it can ask back."""
