"""What we sell. Words: product, name, description, price, discontinued, listing.

Neighbours: inventory follows what is registered here, and tells the listing what is
available. Both learn from published events alone.
"""
