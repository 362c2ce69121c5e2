"""How far coders agree, whoever they are: rules, agents, people, LLM coders."""
