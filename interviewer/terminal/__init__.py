"""The screen and the keyboard: all that is shown, and all that is typed.

Import from the modules; this file imports nothing, so that a reader pays only for what it uses.
"""
