"""Signing in, in three languages, and a password that is mistyped."""

from harness import check

from . import screens


def signs_in_and_allows(person):
    person.starts()
    person.is_at("/auth/login")
    person.has_focus("#username")
    person.keeps_picture("login")
    screens.keep_in_forced_colours(person.chromium, "login")
    person.signs_in()

    person.is_at("/auth/grant")
    person.sees("Acme Desk")
    person.sees("Use call.")
    person.sees("127.0.0.1")
    person.keeps_picture("consent")
    screens.keep_in_forced_colours(person.chromium, "consent")
    person.allows()

    tokens = person.application.exchange(person.is_back())
    check(person.application.works(tokens), "the access token of the code is refused")


def mistypes_the_password(person):
    person.starts()
    person.signs_in(password="wrong horse")
    person.is_at("/auth/login")
    person.sees("That user name or password is not right.")
    check(person.driver.title.startswith("Error: "), f"a screen reader is told '{person.driver.title}'")
    name, password = person.find("#username"), person.find("#password")
    check(name.get_property("value") == person.settings.username, "the name must be typed again")
    check(password.get_property("value") == "", "the wrong password is still there")
    person.has_focus("#password")
    for field in (name, password):
        said = person.find(f"#{field.get_attribute('aria-describedby')}").text
        check("not right" in said, f"{field.get_attribute('id')} is described by '{said}'")
    person.keeps_picture("login-wrong")

    person.types(password=person.settings.password)
    person.presses("button.primary")
    person.is_at("/auth/grant")


def reads_german_and_italian(person):
    for language, heading in {"de": "Anmelden", "it": "Accesso"}.items():
        person.chromium.speak(language)
        person.starts()
        person.is_at("/auth/login")
        check(person.find("html").get_attribute("lang") == language, f"the page is not in {language}")
        person.sees(heading)
        person.keeps_picture(f"login-{language}")
        person.signs_in()
        person.is_at("/auth/grant")
        person.keeps_picture(f"consent-{language}")
        person.chromium.forget()
