"""What we sell. Words: product, name, description, price, discontinued, listing.

Neighbours: inventory follows the products registered here, and publishes what is
available for the listing. The two share nothing but published events.
"""
