"""The kernel proper: the identity both contexts use, and the shape of an aggregate."""
