"""The engine: inbox, unit of work, delivery, leases, schedule, replay, seal. Only this half touches the world."""
