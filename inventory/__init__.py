"""How many pieces of each stock item there are, and for whom they are held.

Words: stock item, on hand, reservation, available, reorder point, stocktake, shipment.
Neighbours: catalog, which tells of products registered, discontinued and relisted, and
which reads how available they are. Each hears only what the other publishes.
"""
