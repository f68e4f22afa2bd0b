"""Practise technical interviews in the terminal and get scores you can trust."""

__version__ = "0.1.0"
