"""Events of live cameras as messages, kept on disk until their receivers have them."""
