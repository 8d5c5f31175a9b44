"""What both edges share: the only place where rules become HTTP."""
