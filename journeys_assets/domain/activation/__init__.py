"""Messages to other systems about users and their journeys, and when a planned send may still be handed over."""
