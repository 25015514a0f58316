"""Subscriptions: insurers follow the care milestones of their own members.

Consumes: the milestones of the four stages. Decides: which subscription is told, and under which
number. Emits: webhooks, Server-Sent Events and JSON pages; nothing onto the log. Remembers: the
milestones, the subscriptions, and how far each has been delivered.
"""
