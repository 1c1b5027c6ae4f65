"""The question whether an application may: answered, answered twice, in two tabs, and by the back button."""

from selenium.webdriver import ActionChains

from harness import check, step

from .person import ALLOW

APPLICATION, ANSWERED = "The application", "This was answered already"


def denies(person):
    person.starts()
    person.signs_in()
    person.denies()
    answer = person.is_back()
    check(answer.get("error") == "access_denied" and "code" not in answer, f"the application got {answer}")


def goes_back_after_the_answer(person):
    """A browser shows the page that it had, or asks for it anew; an answer that was given makes no second code."""
    person.starts()
    person.signs_in()
    person.allows()
    first = person.is_back()
    person.driver.back()
    person.is_at("/auth/grant")
    shown = person.find("input[name=consent]").get_attribute("value")
    person.presses(ALLOW)
    if person.is_shown_one_of(APPLICATION, ANSWERED) == ANSWERED:
        person.keeps_picture("answered-already")
        check(not person.application.answers, "an answer that was refused came to the application")
        person.application.exchange(first)
        return
    second = person.is_back()
    check(first["code"] != second["code"], f"the consent {shown} brought the same code again")
    check(first["state"] == second["state"], "the back button led to another request")
    person.application.exchange(second)


def presses_twice(person):
    """However the two requests race, the consent makes one code (RFC 6819 §5.1.5.4)."""
    person.starts()
    person.signs_in()
    person.is_at("/auth/grant")
    ActionChains(person.driver).double_click(person.find(ALLOW)).perform()
    step(f"a double click ends at '{person.is_shown_one_of(APPLICATION, ANSWERED)}'")
    codes = {answer.get("code") for answer in person.application.answers}
    person.application.answers.clear()
    check(len(codes) <= 1, f"a double click made {len(codes)} codes")


def finishes_two_tabs_in_reverse(person):
    """Each tab is answered for its own application and state."""
    person.starts()
    person.signs_in()
    person.is_at("/auth/grant")
    first = person.driver.current_window_handle
    person.driver.switch_to.new_window("tab")
    person.starts(client="office")
    person.is_at("/auth/grant")
    person.sees("Acme Office")
    person.allows()
    office = person.is_back()
    person.driver.switch_to.window(first)
    person.sees("Acme Desk")
    person.allows()
    desk = person.is_back()
    check(office["state"] != desk["state"], "both applications got the same state")
    person.application.exchange(office, client="office")
    person.application.exchange(desk)


def follows_a_broken_link(person):
    """Nobody is led to an address that no application has registered (RFC 6749 §4.1.2.1)."""
    person.starts(redirect_uri="https://evil.example/cb")
    person.is_at("/oauth/authorize")
    person.sees("This link does not work")
    person.keeps_picture("error")
