"""Real servers with several workers on loopback, asked by several clients at once (lane `servers`)."""
