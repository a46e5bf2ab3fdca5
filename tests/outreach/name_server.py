"""A name server on this machine: answers TXT questions over UDP from a table, and NXDOMAIN for every other name."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """Serves `records` (name -> texts) until its block ends."""

    def __init__(self, records):
        self.records = {f"{name}.": texts for name, texts in records.items()}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()

    def _serve(self):
        while True:
            wire, asker = self.socket.recvfrom(4096)
            if not wire:
                return
            self.socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), asker)

    def _answer(self, asked):
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.AA
        name = asked.question[0].name
        texts = self.records.get(name.to_text().lower())
        if texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            quoted = [" ".join(f'"{text[n:n + 200]}"' for n in range(0, len(text), 200)) for text in texts]
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        return answer
