"""The account page: what acts for a person, and how they end it."""

from harness import check

from . import screens

NEW_PASSWORD = "battery staple"


def ends_another_session(person):
    signs_in(person, "ann")
    other = person.chromium.cookies()
    person.chromium.forget()
    signs_in(person, "ann")
    person.sees("This browser")
    person.keeps_picture("account")
    screens.check_whole_words(person.chromium, "button")
    before = len(person.all("form[action='/account/sessions'] button.small"))
    person.presses("form[action='/account/sessions'] button.small")
    person.is_at("/account")
    person.find(".notice")
    after = len(person.all("form[action='/account/sessions'] button.small"))
    check(after == before - 1, f"of {before} other sessions {after} are left")
    person.presses("button[name=session][value=others]") if after else None
    person.chromium.use_cookies(other)
    person.opens("/account")
    person.is_at("/auth/login")


def ends_an_application(person):
    person.starts()
    person.signs_in()
    person.allows()
    tokens = person.application.exchange(person.is_back())
    person.opens("/account")
    person.sees("Acme Desk")
    before = len(person.all("form[action='/account/applications'] button"))
    person.presses("form[action='/account/applications'] button[aria-label*='Acme Desk']")
    person.find(".notice")
    after = len(person.all("form[action='/account/applications'] button"))
    check(after == before - 1, f"of {before} applications {after} are left")
    check(not person.application.works(tokens), "the application acts on")


def changes_the_password(person):
    signs_in(person, "bob")
    password = person.settings.password
    person.types(current_password="wrong horse", new_password=NEW_PASSWORD, new_password_again=NEW_PASSWORD)
    person.presses("form[action='/account/password'] button.primary")
    person.is_at("/account/password")
    person.sees("That is not your current password.")
    person.keeps_picture("account-password-wrong")
    person.types(current_password=password, new_password=NEW_PASSWORD, new_password_again=NEW_PASSWORD)
    person.presses("form[action='/account/password'] button.primary")
    person.is_at("/account")
    person.find(".notice")
    person.keeps_picture("account-password-changed")

    person.chromium.forget()
    person.opens("/account")
    person.types(organisation="acme")
    person.signs_in("bob")
    person.sees("That user name or password is not right.")
    person.signs_in("bob", NEW_PASSWORD)
    person.is_at("/account")


def signs_in(person, username):
    """To the account page; as there are several organisations, the login asks for it."""
    person.opens("/account")
    person.is_at("/auth/login")
    person.has_focus("#organisation")
    person.types(organisation="acme")
    person.signs_in(username)
    person.is_at("/account")
