"""What the bodies of requests must be: one description each, for clients that make them and for a server that gets them."""
