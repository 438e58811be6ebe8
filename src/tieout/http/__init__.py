"""The API: events, documents and webhooks come in; questions and decisions of people are answered. OpenAPI 3.1."""
