"""Config to the parts that several verbs put together the same way."""
