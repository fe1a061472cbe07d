"""Messages that failed, stored with all that an operator needs to decide.

What subscriptions, queues and readers of other messages cannot apply becomes a row here
(law 5), with why it failed; later ones of the same key are parked behind it. What
operators do with them is in `shared_kernel.repair`.
"""
