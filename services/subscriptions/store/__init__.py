"""The subscriptions database: all SQL of this service.

Two locks keep numbers gapless and deliveries in order. The row of `milestone_counter` is taken by
whoever numbers: a batch of milestones (`recording`), or a subscription that comes or goes
(`subscribing`). The lease of a subscription is taken by whoever sends its next webhook
(`sending`).
"""
