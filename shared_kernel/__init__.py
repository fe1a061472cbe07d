"""What catalog and inventory share: a Sku, the building blocks, and the event log.

The kernel proper is `domain`, and it is tiny on purpose: whatever stands there binds
both contexts. `events` carries facts from one context to the others without losing,
repeating or reordering their effect; `buses` hurry them along; `adapters` hold what
every context needs of the technology around it.
"""
