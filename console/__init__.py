"""What a person looks at: pages and reports."""
