"""The gateway: a server of the OpenAI chat protocol that answers each question by the route a policy chooses."""
