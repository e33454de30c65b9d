"""Which of a user's keywords belong to one journey, and the ids of journeys and areas."""
