"""A live what-if page: sliders for a scenario's policies, and what they change."""
