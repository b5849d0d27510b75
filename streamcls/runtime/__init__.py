"""Threads, signals and stopping: nothing else in streamcls has any."""
