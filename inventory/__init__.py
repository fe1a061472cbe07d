"""How many pieces of each stock item there are, and for which orders they are held.

Words: stock item, on hand, reservation, available, reorder point, stocktake, shipment.
Neighbours: the catalog publishes which products are registered, discontinued and
relisted, and reads their availability. The two share nothing but published events.
"""
