Feature: Repairing what failed
  An operator has understood why a change could not be applied. It is tried again, corrected first, or given up;
  nothing that waits behind it is lost, and who did it and why stays recorded.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp"
    And the product "LAMP-0002" is registered as "Floor lamp"
    And a faulty program has renamed product "LAMP-0001" without its status

  Rule: What was corrected is applied by a replay

    Example: The status that was missing
      When Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ada replays the dead letter of "LAMP-0001"
      Then the product "LAMP-0001" is listed as "Table lamp"
      And no change of "LAMP-0001" failed

  Rule: What was corrected stays corrected

    Example: The listing is rebuilt later
      When Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ada replays the dead letter of "LAMP-0001"
      And the listing is rebuilt
      Then the product "LAMP-0001" is listed as "Table lamp"
      And no change of "LAMP-0001" failed

  Rule: A replay goes on with what waits behind it, in order

    Example: Two more changes have come since
      When the product "LAMP-0001" is renamed to "Bedside lamp"
      And the product "LAMP-0001" is renamed to "Reading lamp"
      And Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ada replays the dead letter of "LAMP-0001"
      Then the product "LAMP-0001" is listed as "Reading lamp"
      And no change of "LAMP-0001" failed

  Rule: A replay that fails again only counts as an attempt

    Example: Nobody has corrected it
      When the product "LAMP-0001" is renamed to "Bedside lamp"
      And the product "LAMP-0001" is described as "It is warm."
      And Ada replays the dead letter of "LAMP-0001"
      Then that is refused because the dead letter still lacks its "status"
      And the dead letter of "LAMP-0001" has been tried 2 times
      And 2 changes of "LAMP-0001" wait behind it
      And the product "LAMP-0001" is listed as "Desk lamp"

  Rule: A correction is refused unless it can be right

    Example: The status is still missing
      When Ada corrects the name in the dead letter of "LAMP-0001" to "Table lamp"
      Then that is refused because of the "status" of the dead letter

    Example: It would change another product
      When Ada corrects the dead letter of "LAMP-0001": it is the listed "LAMP-0002" instead
      Then that is refused because of the "sku" of the dead letter
      And the product "LAMP-0002" is listed as "Floor lamp"

  Rule: Who did something and why stays recorded

    Example: A correction, and the replay of what waited
      When the product "LAMP-0001" is renamed to "Reading lamp"
      And Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ben discards the dead letter of "LAMP-0001" because "it was never meant"
      Then it stays recorded that Ada has corrected a change of "LAMP-0001" because "left out by mistake"
      And it stays recorded that Ben has discarded a change of "LAMP-0001" because "it was never meant"
      And the product "LAMP-0001" is listed as "Reading lamp"

  Rule: Of two operators at one dead letter, the second is told

    Example: One corrects what the other wants to discard
      Given Ada and Ben look at the dead letter of "LAMP-0001"
      When Ada corrects the dead letter of "LAMP-0001": it is the listed "Table lamp"
      And Ben discards the dead letter of "LAMP-0001" because "it was never meant"
      Then Ben is refused because the dead letter has changed since he looked
