"""What the documents say is run, word by word (lane `docs`)."""
