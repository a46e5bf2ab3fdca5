"""What a text, an id and a name may be in a request: what the ledger can hold, and no longer than anybody needs."""

from typing import Annotated

from pydantic import StringConstraints

LARGEST_ID = 2**31 - 1
LARGEST_NUMBER = 2**53 - 1  # what every language reads back exactly
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Name = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
