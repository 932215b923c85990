"""The common parts of the demos: the command line, the pictures, and the numbers behind them."""
