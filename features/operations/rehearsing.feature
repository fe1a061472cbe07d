Feature: Rehearsing what failed

  Before an operator replays dead letters, a rehearsal tries them with the program of today, and undoes all of it. It says
  which would be applied, which would fail again and why, and what would change.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp"
    And a faulty program has renamed product "LAMP-0001" without its status

  Rule: A rehearsal says what would fail again, and why

    Example: Nothing was corrected
      When Ada rehearses the dead letter of "LAMP-0001"
      Then it would fail again, because of its "status"
      And nothing would change

    Example: What waits behind it would fail, too
      Given a faulty program has renamed product "LAMP-0001" without its name
      When Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ada rehearses the dead letter of "LAMP-0001"
      Then 1 change would be applied
      And the next one would fail, because of its "name"

  Rule: A rehearsal says what would change, and changes nothing

    Example: The letter was corrected
      When the product "LAMP-0001" is renamed to "Reading lamp"
      And Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ada rehearses the dead letter of "LAMP-0001"
      Then 2 changes would be applied
      And the listed name of "LAMP-0001" would change from "Desk lamp" to "Reading lamp"
      But the product "LAMP-0001" is listed as "Desk lamp"
