"""What is on its way. Words: parcel, opened, product.

Neighbours: the catalog tells which products are sold.
"""
