"""The provider of the benches, pointed at by a test's house."""

import json

from bench.provider import Provider as Running


class Provider(Running):
    """Answers each request with the next of `behaviours` (then always `accept`), and keeps what it took."""

    def settings(self, house, timeout=1.0, **outreach):
        """Point a house's outreach at this server."""
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in outreach.items())
        return house.configure(f'[outreach]\nchannel = "sendgrid"\n{lines}'
                               f'[outreach.sendgrid]\nhost = "{self.host}"\ntimeout_seconds = {timeout}\n')  # fmt: skip
