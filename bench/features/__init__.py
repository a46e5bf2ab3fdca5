"""Sixty features over two sources, beside what a data engineer could have picked instead."""
