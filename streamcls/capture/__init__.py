"""Frames from recorded files, and pictures from picture files."""
