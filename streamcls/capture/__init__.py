"""Frames from files, cameras and streams, and pictures from picture files."""
