"""Parcels and the products that they are for. Words: parcel, opened, product.

Neighbours: the catalog publishes which products are sold.
"""
