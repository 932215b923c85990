"""Tests that take minutes: commands of their own, which the ordinary suite does not run."""
