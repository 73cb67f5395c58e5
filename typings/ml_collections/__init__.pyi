"""What a type checker should know of ml_collections.

Its own annotations make every attribute a union of all the types that any
setting may have; here a setting is Any.
"""

from ml_collections.config_dict import ConfigDict as ConfigDict
