"""The embedded gateway. It knows nothing about clients."""
