"""Graders: a thread and the passages retrieved for it go in, a grade with quotes comes out."""
