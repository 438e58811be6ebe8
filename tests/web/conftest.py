from tests.web.fixtures import books, client, month_played, new_books, new_client

__all__ = ["books", "client", "month_played", "new_books", "new_client"]
