"""Imports of products as jobs: received whole, registered by workers, part by part."""
