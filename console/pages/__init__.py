"""Pages for people who sign in. One file, one ROUTER whose routes say which role they need; NAV puts it into the menu."""
