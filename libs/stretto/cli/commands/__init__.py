"""One module for a few commands of a kind; imported when one of them is used."""
