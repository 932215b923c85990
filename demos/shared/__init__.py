"""What the demos share: command lines, pictures, terminals, and what must be settled before NumPy comes."""
