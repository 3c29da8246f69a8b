"""What is wrong with a text or a value, in the words of the original's readers. Imports nothing else of ours."""
