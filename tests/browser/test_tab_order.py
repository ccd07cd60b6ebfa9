"""By Tab alone: every control of a page is reached, in the order of the page, and none holds the reader fast."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.test_doctor_pages import waiting

pytestmark = pytest.mark.django_db(transaction=True)

# What Tab should reach, in the order of the document. Of a group of radio buttons Tab reaches one. What is scrolled by
# keys is reached too, which no property tells: the browser decides.
REACHABLE = """() => {
  const groups = new Set();
  const reached = (each) => {
    if (each.tabIndex < 0 || each.disabled || each.closest("[inert]")) return false;
    if (!each.checkVisibility({ visibilityProperty: true }) || !each.getClientRects().length) return false;
    if (each.type !== "radio") return true;
    const group = `${each.form?.id} ${each.name}`;
    const chosen = document.querySelector(`input[type=radio][name="${each.name}"]:checked`);
    if ((chosen && chosen !== each) || groups.has(group)) return false;
    groups.add(group);
    return true;
  };
  const controls = "a[href], button, input, select, textarea, summary, [tabindex]";
  window.walked = [...document.querySelectorAll(controls)].filter(reached);
  return window.walked.map((each) => each.outerHTML.replace(/\\s+/g, " ").slice(0, 120));
}"""
AT = "() => document.activeElement === document.body ? -1 : window.walked.indexOf(document.activeElement)"
SCROLLED = "() => document.activeElement.matches(':not(a, button, input, select, textarea, summary, [tabindex])')"


def by_tab(page: Page) -> tuple[list[str], list[int]]:
    """The controls in the order of the document, and the numbers of those that Tab came by, until it left the page."""
    wanted = page.evaluate(REACHABLE)
    came_by: list[int] = []
    for _press in range(2 * len(wanted)):
        page.keyboard.press("Tab")
        at = page.evaluate(AT)
        if came_by and at in (-1, came_by[0]) and not page.evaluate(SCROLLED):
            return wanted, came_by
        if not page.evaluate(SCROLLED):
            came_by.append(at)
    raise AssertionError(f"Tab does not leave the page: {[wanted[number] for number in came_by[-5:]]}")


@pytest.mark.parametrize(
    ("role", "name", "width"),
    [
        ("doctor", "case_detail", 1440),
        ("doctor", "case_detail", 390),
        ("doctor", "worklist", 1440),
        ("lead", "home", 1440),
        ("lead", "figures", 1440),
        ("staff", "patient_list", 1440),  # begins in its search field
        ("staff", "case_detail", 1440),
    ],
)
def test_tab_reaches_every_control_in_the_order_of_the_page(alma, browse_as, role, name, width):
    case = waiting(alma)
    page = browse_as(alma.role(role))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(reverse(name, args=[case.id] if name == "case_detail" else []))
    page.wait_for_load_state("networkidle")
    wanted, came_by = by_tab(page)
    missed = [wanted[number] for number in range(len(wanted)) if number not in came_by]
    assert not missed, missed
    first = came_by.index(min(came_by))  # where a page begins in a field, Tab comes by what is above it last
    assert came_by[first:] + came_by[:first] == sorted(came_by), [wanted[number] for number in came_by]
