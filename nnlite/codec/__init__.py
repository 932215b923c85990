"""From integer symbols to bytes and back: frequency tables, a range coder, and the file format around them."""
