"""The judge of journeys: questions to a language model, and its released agreement with people."""
